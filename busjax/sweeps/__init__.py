"""Sweeps: many runs of one question, each in a work directory of its own.

definition.py reads what a sweep is, naming.py names its runs, plan.py checks all of them before anything starts;
status.py tells from a work directory how far a run is; process.py starts one run; local.py and slurm.py start many;
command.py is what `launch.py --sweep` calls.
"""
