"""Retraining: what a run takes from the champion."""
