# Everything else that we link. CONTRIBUTING.md says what each replaces.
find_package(Threads REQUIRED)
find_package(MPI QUIET COMPONENTS C)
eddyline_need(MPI_FOUND "MPI for C: -DMPI_HOME=<folder>, or its mpicc on PATH (Debian: libopenmpi-dev)")
set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 QUIET COMPONENTS C HL)
eddyline_need(HDF5_IS_PARALLEL
  "parallel HDF5 for C: -DHDF5_ROOT=<folder>, or its h5pcc on PATH (Debian: libhdf5-openmpi-dev)")
foreach(package yaml-cpp nlohmann_json ZLIB fmt spdlog)
  find_package(${package} QUIET)
  eddyline_need(${package}_FOUND "${package}: -D${package}_ROOT=<folder>")
endforeach()
if(EDDYLINE_TESTS)
  find_package(GTest QUIET)
  eddyline_need(GTest_FOUND "GoogleTest: -DGTest_ROOT=<folder>, or -DEDDYLINE_TESTS=OFF")
endif()
if(EDDYLINE_BENCH)
  find_package(benchmark QUIET)
  eddyline_need(benchmark_FOUND "Google Benchmark: -Dbenchmark_ROOT=<folder>, or -DEDDYLINE_BENCH=OFF")
endif()
# Debian names the build with MPI apart.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_search_module(NETCDF QUIET IMPORTED_TARGET netcdf-mpi netcdf)
endif()
# Debian's netcdf-mpi.pc does not name the folder of its headers.
find_path(NETCDF_HEADERS netcdf.h
  HINTS ${NETCDF_INCLUDE_DIRS} /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
  PATH_SUFFIXES netcdf/mpi/include)
mark_as_advanced(NETCDF_HEADERS)
if(NOT NETCDF_HEADERS)
  set(NETCDF_FOUND FALSE)
endif()
eddyline_need(NETCDF_FOUND
  "netCDF for C, on the same HDF5: its lib/pkgconfig on PKG_CONFIG_PATH (Debian: pkg-config libnetcdf-mpi-dev)")
eddyline_stop_if_missing()
target_include_directories(PkgConfig::NETCDF SYSTEM INTERFACE ${NETCDF_HEADERS})

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
