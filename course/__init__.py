"""The course: lessons (NN_name.py), both editions of them, plans, and the workshop that makes these."""
