#!/bin/sh
# The review desk, logged in to the ZenML server as a service account, so that decisions reach ZenML's stages.
#   PODIUM_ZENML_SERVER (ZENML_SERVER means something else to ZenML) and ZENML_API_KEY in the environment; arguments are those of `podium review serve`
set -eu
eval "$(podium env)"
printenv ZENML_API_KEY | zenml login "$PODIUM_ZENML_SERVER" --api-key
unset ZENML_API_KEY
exec podium review serve "$@"
