# Compiler, build type, ccache and the flags that every target of ours shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # A precompiled header is cacheable only if its time stamps are not part of the key.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_INODECACHE=1  # or it would hash the half gigabyte of the precompiled header for every file
      ${CCACHE_PROGRAM})
endif()

add_library(eddyline_flags INTERFACE)
target_compile_options(eddyline_flags INTERFACE -Wall -Wextra -Wno-unknown-pragmas -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes the strings of designated initialisers for uninitialised.
  target_compile_options(eddyline_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
endif()
# The MPI C++ bindings were removed from the standard; OpenMPI still declares them.
target_compile_definitions(eddyline_flags INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
if(CCACHE_PROGRAM)
  target_compile_options(eddyline_flags INTERFACE -fpch-preprocess)
endif()
if(EDDYLINE_CHECKS)
  target_compile_definitions(eddyline_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(EDDYLINE_SANITIZE)
  target_compile_options(eddyline_flags INTERFACE -fsanitize=${EDDYLINE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(eddyline_flags INTERFACE -fsanitize=${EDDYLINE_SANITIZE})
endif()
