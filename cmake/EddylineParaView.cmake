# ParaView's Catalyst, with its VTK. find_package(ParaView) looks for all that any part of VTK was built with, and changes
# what was found of HDF5 and netCDF; the libraries that we call are imported by hand.
set(EDDYLINE_CATALYST_FOUND OFF)
if(EDDYLINE_PARAVIEW AND NOT EDDYLINE_CATALYST STREQUAL "OFF")
  find_path(EDDYLINE_PARAVIEW_HEADERS vtkInSituInitializationHelper.h
    HINTS ${ParaView_ROOT} $ENV{ParaView_ROOT} PATH_SUFFIXES include/paraview-5.11 paraview-5.11)
  find_package(Python3 QUIET COMPONENTS Development.Embed)
  set(eddyline_vtk_libraries "")
  set(eddyline_vtk_found ${Python3_Development.Embed_FOUND})
  foreach(part CommonCore CommonDataModel CommonExecutionModel CommonSystem PVInSitu PVPythonCatalyst
          PVVTKExtensionsCore ParallelCore ParallelMPI PythonInterpreter RemotingCore RemotingLive RemotingServerManager
          RenderingCore RenderingOpenGL2)
    find_library(EDDYLINE_VTK_${part} vtk${part}-pv5.11
      HINTS ${ParaView_ROOT} $ENV{ParaView_ROOT} ${EDDYLINE_PARAVIEW_HEADERS}/../.. PATH_SUFFIXES lib)
    mark_as_advanced(EDDYLINE_VTK_${part})
    list(APPEND eddyline_vtk_libraries ${EDDYLINE_VTK_${part}})
    if(NOT EDDYLINE_VTK_${part})
      set(eddyline_vtk_found OFF)
    endif()
  endforeach()
  mark_as_advanced(EDDYLINE_PARAVIEW_HEADERS)
  if(EDDYLINE_PARAVIEW_HEADERS AND eddyline_vtk_found)
    set(EDDYLINE_CATALYST_FOUND ON)
    add_library(eddyline_vtk INTERFACE)
    target_include_directories(eddyline_vtk SYSTEM INTERFACE ${EDDYLINE_PARAVIEW_HEADERS} ${Python3_INCLUDE_DIRS})
    # ParaView's Python modules need the interpreter's symbols, which nothing of ours calls.
    target_link_libraries(eddyline_vtk INTERFACE
      ${eddyline_vtk_libraries} "-Wl,--push-state,--no-as-needed" ${Python3_LIBRARIES} "-Wl,--pop-state")
  endif()
  if(EDDYLINE_CATALYST STREQUAL "ON")
    eddyline_need(EDDYLINE_CATALYST_FOUND
      "ParaView 5.11 with headers, and Python's: -DParaView_ROOT=<folder> (Debian: paraview-dev libpython3-dev), or -DEDDYLINE_CATALYST=OFF")
  endif()
endif()
