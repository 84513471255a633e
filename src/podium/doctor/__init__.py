"""Is this machine fit to run Podium? Each check is a function; ``checks.CHECKS`` lists them."""
