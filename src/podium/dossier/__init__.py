"""The dossier: the gate's verdict on one model version, and all it rests on, as one JSON file and one page."""
