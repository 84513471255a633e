"""Sweeps: search a recipe's typed fields with Optuna, on validation figures alone.

Suggesting is a function of its arguments: what is tried next follows from the configuration and the trials that have
ended. So nothing has to be stored but the trials' results, and a killed sweep suggests the same points again.
"""
