# Targets for people: `format` rewrites our C++ files in the style of .clang-format, `lint` runs clang-tidy on them.
find_program(CLANG_FORMAT_PROGRAM NAMES clang-format clang-format-14)
find_program(RUN_CLANG_TIDY_PROGRAM NAMES run-clang-tidy run-clang-tidy-14)
set(eddyline_folders core data solvers surrogates workflows apps bench tests)

if(CLANG_FORMAT_PROGRAM)
  add_custom_target(format WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} VERBATIM
    COMMAND find ${eddyline_folders} ( -name *.hpp -o -name *.cpp ) -exec ${CLANG_FORMAT_PROGRAM} -i {} +
    COMMENT "formatting ${eddyline_folders}")
else()
  add_custom_target(format COMMAND ${CMAKE_COMMAND} -E echo "clang-format was not found: install clang-format"
                    COMMAND ${CMAKE_COMMAND} -E false)
endif()

if(EDDYLINE_UNITY)
  add_custom_target(lint COMMAND ${CMAKE_COMMAND} -E echo "clang-tidy reads file by file: configure with -DEDDYLINE_UNITY=OFF"
                    COMMAND ${CMAKE_COMMAND} -E false)
elseif(RUN_CLANG_TIDY_PROGRAM)
  list(JOIN eddyline_folders "|" eddyline_folder_pattern)
  # The compiler's flag for precompiled headers is GCC's own.
  add_custom_target(lint WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} VERBATIM
    COMMAND ${RUN_CLANG_TIDY_PROGRAM} -quiet -p ${CMAKE_BINARY_DIR}
            -extra-arg=-Wno-ignored-optimization-argument -extra-arg=-Wno-unknown-warning-option
            "^${CMAKE_SOURCE_DIR}/(${eddyline_folder_pattern})/"
    COMMENT "clang-tidy over ${eddyline_folders}")
else()
  add_custom_target(lint COMMAND ${CMAKE_COMMAND} -E echo "run-clang-tidy was not found: install clang-tidy"
                    COMMAND ${CMAKE_COMMAND} -E false)
endif()
