# LibTorch from the pip wheel. find_package(Torch) wants a CUDA toolkit even where none is needed,
# so the two libraries are imported by hand; libtorch_cuda is opened at run time where it exists.
if(NOT EDDYLINE_TORCH)
  file(GLOB eddyline_wheels ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  list(LENGTH eddyline_wheels eddyline_wheel_count)
  if(eddyline_wheel_count EQUAL 0)
    message(FATAL_ERROR "LibTorch was not found: run ./test or ./quickstart, or pass -DEDDYLINE_TORCH=<folder with include/ and lib/>")
  endif()
  list(GET eddyline_wheels 0 eddyline_torch_root)
else()
  set(eddyline_torch_root ${EDDYLINE_TORCH})
endif()
if(NOT EXISTS ${eddyline_torch_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "EDDYLINE_TORCH: ${eddyline_torch_root}/lib/libtorch_cpu.so does not exist")
endif()

add_library(torch_c10 SHARED IMPORTED)
set_target_properties(torch_c10 PROPERTIES IMPORTED_LOCATION ${eddyline_torch_root}/lib/libc10.so)
add_library(torch_cpu SHARED IMPORTED)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION ${eddyline_torch_root}/lib/libtorch_cpu.so)
add_library(eddyline_torch INTERFACE)
add_library(eddyline::torch ALIAS eddyline_torch)
target_include_directories(eddyline_torch SYSTEM INTERFACE
  ${eddyline_torch_root}/include ${eddyline_torch_root}/include/torch/csrc/api/include)
target_compile_definitions(eddyline_torch INTERFACE
  USE_DISTRIBUTED USE_C10D_GLOO USE_RPC USE_TENSORPIPE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(eddyline_torch INTERFACE torch_cpu torch_c10)
