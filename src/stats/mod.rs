//! Statistics of few replicates: shifts, intervals, tests, what could have been seen. Pure, seeded, no words.
