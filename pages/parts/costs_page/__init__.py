"""Parts of the Costs page: the form of a measurement, its results, what a year costs, and real time."""
