"""What the tests have to know of the exercises, lesson by lesson, and the means to change a solution in one place."""
