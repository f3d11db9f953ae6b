# LibTorch: the pip wheel, the unpacked archive, or what a module names. find_package(Torch) wants a CUDA toolkit even
# where none is needed, so the two libraries are imported by hand; libtorch_cuda is opened at run time where it exists.
if(EDDYLINE_TORCH)
  file(GLOB eddyline_torch_places ${EDDYLINE_TORCH} ${EDDYLINE_TORCH}/torch ${EDDYLINE_TORCH}/libtorch
       ${EDDYLINE_TORCH}/lib/python3*/site-packages/torch)
else()
  file(GLOB eddyline_torch_places ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  string(REPLACE ":" ";" eddyline_module_places "$ENV{Torch_ROOT}:$ENV{TORCH_ROOT}:$ENV{CMAKE_PREFIX_PATH}")
  list(APPEND eddyline_torch_places ${CMAKE_PREFIX_PATH} ${eddyline_module_places})
endif()
set(eddyline_torch_root "")
foreach(place IN LISTS eddyline_torch_places)
  if(NOT eddyline_torch_root AND EXISTS ${place}/lib/libtorch_cpu.so AND EXISTS ${place}/include/ATen/ATen.h)
    set(eddyline_torch_root ${place})
  endif()
endforeach()
eddyline_need(eddyline_torch_root
  "LibTorch: -DEDDYLINE_TORCH=<folder>, an unpacked archive, a wheel (…/site-packages/torch) or a virtual environment")

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
