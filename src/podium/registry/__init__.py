"""The model registry: tracking, registered versions, reviews and their decisions.

What is promoted is decided by the append-only log (:mod:`podium.registry.log`); MLflow's aliases and ZenML's stages are
copies of its state that ``podium review sync`` restores.
"""
