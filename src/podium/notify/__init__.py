"""Tells people and programs what a review or a retraining came to: webhooks and e-mail. Knows no registry."""
