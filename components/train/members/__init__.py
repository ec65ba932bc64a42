"""The members, one file each; `components.train.registry` maps names to them."""
