cmake_minimum_required(VERSION 3.25)
# cmake -DSOURCE=<repository> -DOUTPUT=<header> -P WriteCommit.cmake: the commit that is being built, as a
# header that changes only when the commit does, so that nothing is rebuilt for nothing.
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define EDDYLINE_COMMIT \"@commit@\"\n" @ONLY)
