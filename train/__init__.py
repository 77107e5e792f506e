"""The Composer trainer: reads a schedule, trains, resumes, evaluates."""
