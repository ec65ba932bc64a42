"""The one image reference that every step of every pipeline runs in."""

# `python` is part of the name because kfp's SubprocessRunner warns of images that don't show it.
IMAGE = "sluice-python:0.1.0"
