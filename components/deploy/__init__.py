"""Owns the model store: publishes versions and says which is champion."""
