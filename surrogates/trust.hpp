#pragma once

namespace eddyline {

/// Whether this process may run code that comes in a file, as a TorchScript module does.
enum class Trust { refused, given };

/// Says so for the whole process; until then it is refused. It is for the person who starts the
/// program to say (`--trust`), never for a configuration, a checkpoint or anything else that is
/// read.
void set_trust(Trust trust);
Trust trust();

}  // namespace eddyline
