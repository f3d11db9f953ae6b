# Everything else that we link. CONTRIBUTING.md says what each replaces.
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 REQUIRED COMPONENTS C HL)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "the HDF5 found is not parallel: install libhdf5-openmpi-dev")
endif()
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(NETCDF REQUIRED IMPORTED_TARGET netcdf-mpi)
# Debian's netcdf-mpi.pc does not name the folder of its headers.
find_path(NETCDF_HEADERS netcdf.h REQUIRED
  HINTS ${NETCDF_INCLUDE_DIRS} /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
  PATH_SUFFIXES netcdf/mpi/include)
target_include_directories(PkgConfig::NETCDF SYSTEM INTERFACE ${NETCDF_HEADERS})
mark_as_advanced(NETCDF_HEADERS)

add_library(eddyline_hdf5 INTERFACE)
add_library(eddyline::hdf5 ALIAS eddyline_hdf5)
target_include_directories(eddyline_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(eddyline_hdf5 INTERFACE ${HDF5_LIBRARIES} MPI::MPI_C)

# LibTorch carries headers of a newer fmt than the system's libfmt and spdlog were built with, and its folder comes
# first: a link to the system's headers comes before it.
get_target_property(eddyline_fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
list(GET eddyline_fmt_include 0 eddyline_fmt_include)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/system_headers)
file(CREATE_LINK ${eddyline_fmt_include}/fmt ${CMAKE_BINARY_DIR}/system_headers/fmt SYMBOLIC)
target_include_directories(eddyline_torch SYSTEM BEFORE INTERFACE ${CMAKE_BINARY_DIR}/system_headers)
