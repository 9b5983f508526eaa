"""Who may use which route: a rule for every route, and a walk that tries each as each kind of caller with the ids of real objects."""
