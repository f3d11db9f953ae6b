#pragma once

#include <mutex>
#include <string>

namespace eddyline {

/// The lock of this process' HDF5 library, which is not thread-safe: whoever calls HDF5, or
/// netCDF-4 on top of it, holds it. The classes of this folder take it themselves; it may be taken
/// again by the thread that holds it.
std::recursive_mutex& hdf5_lock();

/// Makes the library ready: registers LZF (filter 32000) and stops HDF5's own printing of errors.
/// Cheap when called again; every Hdf5File calls it.
void prepare_hdf5();

/// What HDF5 says of its last failure, innermost reason first ("unable to open object; object 'x'
/// doesn't exist"); clears it. "no reason given" if there is none.
std::string take_hdf5_errors();

/// Notes that a file could not be closed (disk full). HDF5 1.10 crashes at its own end then, and
/// MPI_Finalize calls that end: the program must leave by _exit or MPI_Abort.
void note_hdf5_damage();
bool is_hdf5_damaged();

}  // namespace eddyline
