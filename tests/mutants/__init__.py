"""Changes to the engine that a test has to notice: ``make mutants``.

``mutants.yaml`` lists them: a file, the text in it, what it becomes, and the tests of which at least one must then fail.
A line of the engine whose change no test notices is a promise that nobody keeps.
"""
