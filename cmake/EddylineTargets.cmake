# eddyline_layer(<name> LINK <targets>): the static library of one layer; its folders add their
# sources with target_sources. All layers share one precompiled header (cmake/precompiled.hpp).
function(eddyline_layer name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  add_library(eddyline_${name} STATIC)
  add_library(eddyline::${name} ALIAS eddyline_${name})
  target_include_directories(eddyline_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(eddyline_${name} PUBLIC ${arg_LINK} eddyline_flags)
  # Half of what a file takes to compile goes into LibTorch's headers, which the files of one unit share. Tests stay
  # apart, so that each may call its own things as it likes.
  set_target_properties(eddyline_${name} PROPERTIES UNITY_BUILD ${EDDYLINE_UNITY} UNITY_BUILD_BATCH_SIZE 4)
  if(NOT name STREQUAL "core")
    target_precompile_headers(eddyline_${name} REUSE_FROM eddyline_core)
  endif()
endfunction()

# eddyline_test(<name> SOURCES <files> LINK <targets> [RANKS 1 2 4] [LABELS …] [TIMEOUT s]):
# one GoogleTest program, registered once for every rank count as <name> or <name>.np<ranks>.
function(eddyline_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK;RANKS;LABELS" ${ARGN})
  if(NOT arg_RANKS)
    set(arg_RANKS 1)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set(program ${name}_tests)
  string(REPLACE "." "_" program ${program})
  add_executable(${program} ${arg_SOURCES})
  target_link_libraries(${program} PRIVATE eddyline_test_main ${arg_LINK})
  target_precompile_headers(${program} REUSE_FROM eddyline_core)
  foreach(ranks IN LISTS arg_RANKS)
    eddyline_test_case(${name} ${program} ${ranks} "${arg_LABELS}" ${arg_TIMEOUT})
  endforeach()
endfunction()

# eddyline_test_case(<name> <program> <ranks> <labels> <timeout> [arguments …]): one ctest entry. What
# a test's name says decides where it runs: …OnOneRank, …OnTwoRanks, …OnManyRanks, …ParaView and …UnderSlurm (where
# there is one).
function(eddyline_test_case name program ranks labels timeout)
  set(full ${name})
  set(launch "")
  set(processors 1)
  set(without "*OnManyRanks*")
  if(ranks GREATER 1)
    set(without "*OnOneRank*")
  endif()
  if(NOT ranks EQUAL 2)
    string(APPEND without ":*OnTwoRanks*")
  endif()
  if(NOT EDDYLINE_PARAVIEW)
    string(APPEND without ":*ParaView*")
  endif()
  if(NOT EDDYLINE_SLURM)
    string(APPEND without ":*UnderSlurm*")
  endif()
  if(NOT "${ARGN}" MATCHES "gtest_filter")
    list(APPEND ARGN --gtest_filter=-${without})
  endif()
  if(ranks GREATER 1)
    set(full ${name}.np${ranks})
    set(launch ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} --bind-to none --oversubscribe)
    set(processors 2)
  endif()
  add_test(NAME ${full} COMMAND ${launch} $<TARGET_FILE:${program}> ${ARGN})
  set_tests_properties(${full} PROPERTIES
    ENVIRONMENT "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMP_NUM_THREADS=1;OMPI_MCA_mpi_yield_when_idle=1;OMPI_MCA_rmaps_base_oversubscribe=1"
    LABELS "${labels}" TIMEOUT ${timeout} PROCESSORS ${processors})
endfunction()
