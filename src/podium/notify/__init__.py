"""Tells people and programs that a review was opened, renewed or decided: webhooks and e-mail. Knows no registry."""
