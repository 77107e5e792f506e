"""Makes the page of one run, finished or going on, from the files that it leaves."""
