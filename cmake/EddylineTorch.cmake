# LibTorch: the pip wheel, the unpacked archive, or what a module names. find_package(Torch) wants a CUDA toolkit even
# where none is needed, so the two libraries are imported by hand; libtorch_cuda is opened at run time where it exists.
if(EDDYLINE_TORCH)
  file(GLOB eddyline_torch_places ${EDDYLINE_TORCH} ${EDDYLINE_TORCH}/torch ${EDDYLINE_TORCH}/libtorch
       ${EDDYLINE_TORCH}/lib/python3*/site-packages/torch)
else()
  file(GLOB eddyline_torch_places ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
  string(REPLACE ":" ";" eddyline_module_places
    "$ENV{Torch_ROOT}:$ENV{TORCH_ROOT}:$ENV{Torch_DIR}:$ENV{CMAKE_PREFIX_PATH}")
  foreach(place IN LISTS Torch_DIR CMAKE_PREFIX_PATH eddyline_module_places)
    # torch.utils.cmake_prefix_path is share/cmake below the root, Torch_DIR is share/cmake/Torch.
    string(REGEX REPLACE "/share/cmake(/Torch)?/*$" "" place "${place}")
    list(APPEND eddyline_torch_places "${place}")
  endforeach()
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

# NCCL lets the GPUs of several ranks talk to each other. What calls it (core/nccl) needs CUDA's own headers; the rest of
# the program needs neither.
if(EDDYLINE_NCCL)
  file(GLOB eddyline_pip_includes ${eddyline_torch_root}/../nvidia/*/include)
  find_path(EDDYLINE_NCCL_HEADERS nccl.h HINTS ${NCCL_ROOT} $ENV{NCCL_ROOT} $ENV{NCCL_HOME} ${eddyline_pip_includes}
    PATH_SUFFIXES include)
  # LibTorch's headers ask for those of CUDA's libraries, and these for crt/, which pip has in a package of its own.
  find_path(EDDYLINE_CUDA_HEADERS cusolverDn.h
    HINTS ${CUDAToolkit_ROOT} $ENV{CUDAToolkit_ROOT} $ENV{CUDA_HOME} ${eddyline_pip_includes} /usr/local/cuda
    PATH_SUFFIXES include)
  mark_as_advanced(EDDYLINE_NCCL_HEADERS EDDYLINE_CUDA_HEADERS)
  set(eddyline_cuda_has_headers OFF)
  if(EXISTS ${EDDYLINE_CUDA_HEADERS}/crt/host_defines.h)
    set(eddyline_cuda_has_headers ON)
  endif()
  set(eddyline_torch_has_nccl OFF)
  if(EXISTS ${eddyline_torch_root}/lib/libtorch_cuda.so)
    execute_process(COMMAND ${CMAKE_NM} --dynamic --defined-only ${eddyline_torch_root}/lib/libtorch_cuda.so
                    OUTPUT_VARIABLE eddyline_torch_symbols ERROR_QUIET)
    if(eddyline_torch_symbols MATCHES "_ZN4c10d16ProcessGroupNCCLC")
      set(eddyline_torch_has_nccl ON)
    endif()
    unset(eddyline_torch_symbols)
  endif()
  eddyline_need(eddyline_torch_has_nccl
    "LibTorch with CUDA and NCCL (libtorch_cuda.so): -DEDDYLINE_TORCH=<folder> of such a build, or -DEDDYLINE_NCCL=OFF")
  eddyline_need(EDDYLINE_NCCL_HEADERS "NCCL's nccl.h: -DNCCL_ROOT=<folder>, or -DEDDYLINE_NCCL=OFF")
  eddyline_need(eddyline_cuda_has_headers
    "CUDA's headers (cusolverDn.h, crt/): -DCUDAToolkit_ROOT=<folder> of LibTorch's CUDA version (pip: nvidia-cuda-crt besides torch), or -DEDDYLINE_NCCL=OFF")
  add_library(eddyline_torch_cuda INTERFACE)
  target_include_directories(eddyline_torch_cuda SYSTEM INTERFACE ${EDDYLINE_CUDA_HEADERS} ${EDDYLINE_NCCL_HEADERS})
  target_compile_definitions(eddyline_torch_cuda INTERFACE USE_C10D_NCCL)
  target_link_libraries(eddyline_torch_cuda INTERFACE eddyline_torch
    ${eddyline_torch_root}/lib/libtorch_cuda.so ${eddyline_torch_root}/lib/libc10_cuda.so)
endif()
