"""Lesions of which there are mammograms and ultrasound images."""
