"""Trains by Composer: reads a schedule, trains, resumes, evaluates."""
