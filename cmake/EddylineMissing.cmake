# What the build needs and does not find is collected, then said at once, each by name.
set(eddyline_missing "")

# eddyline_need(<variable that says whether it was found> <name and how to point to it>)
macro(eddyline_need found text)
  if(NOT ${found})
    string(APPEND eddyline_missing "  * ${text}\n")
  endif()
endmacro()

macro(eddyline_stop_if_missing)
  if(eddyline_missing)
    message(FATAL_ERROR "what this build needs and did not find:\n${eddyline_missing}"
      "  Load your site's modules or pass what stands there; <folder> holds include/ and lib/. On Debian './test' "
      "installs all of it.")
  endif()
endmacro()
