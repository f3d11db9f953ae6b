#pragma once

#include "workflows/training/trainer.hpp"
#include "workflows/training/training_data.hpp"

namespace eddyline {

/// Writes what a data set is, and how many samples it has.
void log_set(TrainingSet const& set);

/// Shows the trainer's progress: a bar on a terminal, else a line every few seconds; a line at each
/// validation.
void log_progress(Trainer& trainer);

/// Writes the best validation loss and the last figures of each channel beside persistence's.
void log_best(Trainer const& trainer);

/// Writes what the time was spent on, a line each.
void log_times(Trainer const& trainer);

}  // namespace eddyline
