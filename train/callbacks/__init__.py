"""Acts before and after each step, one concern a file; `step_facts` gathers the facts, the others act on them."""
