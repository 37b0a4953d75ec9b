"""The mathematics: tensors, multipliers, rules and the secant slopes of scalar functions."""
