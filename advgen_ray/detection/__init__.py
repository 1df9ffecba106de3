"""Telling adversarial inputs from natural ones by scores a classifier already gives."""
