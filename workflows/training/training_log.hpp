#pragma once

#include "workflows/training/trainer.hpp"

namespace eddyline {

/// Lets the trainer write a line to the log every few seconds, and at each validation.
void log_progress(Trainer& trainer);

/// Writes the best validation loss and the last figures of each channel beside persistence's.
void log_best(Trainer const& trainer);

}  // namespace eddyline
