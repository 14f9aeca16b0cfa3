# TERN_CUDA: AUTO builds the CUDA backend where nvcc is found, ON insists, OFF does not look.
# The backend is a shared library of its own with the CUDA runtime linked statically and its own copy of what it needs of src/main/cpp,
# so that it loads, and says why it cannot run, on a machine without a driver.
set(TERN_CUDA AUTO CACHE STRING "AUTO, ON or OFF")
# Portable kernels, machine code per family and PTX for what is to come; those of src/main/cuda/sm90 use instructions of 90a alone.
set(TERN_CUDA_ARCHITECTURES "80-real;86-real;89-real;90a-real;100f-real;120f-real;80-virtual" CACHE STRING
    "as CMAKE_CUDA_ARCHITECTURES, of the portable kernels")

set(TERN_CUDA_DIR ${CMAKE_CURRENT_SOURCE_DIR}/src/main/cuda)
file(GLOB TERN_CUDA_KERNELS CONFIGURE_DEPENDS ${TERN_CUDA_DIR}/*.cu)
file(GLOB TERN_CUDA_KERNELS_SM90 CONFIGURE_DEPENDS ${TERN_CUDA_DIR}/sm90/*.cu)
file(GLOB TERN_CUDA_HOST CONFIGURE_DEPENDS ${TERN_CUDA_DIR}/*.cpp ${TERN_CUDA_DIR}/sm90/*.cpp)
set(TERN_CUDA_SHARED_HOST src/main/cpp/core/memory.cpp src/main/cpp/core/pool.cpp src/main/cpp/core/slab.cpp src/main/cpp/ternary/decode.cpp src/main/cpp/plan/attention_plan.cpp)
set(TERN_CUDA_INCLUDES ${TERN_CUDA_DIR} ${TERN_CUDA_DIR}/sm90 ${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp ${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp/include)

if(TERN_CUDA STREQUAL "OFF")
  return()
endif()
include(CheckLanguage)
set(CMAKE_CUDA_ARCHITECTURES 80)  # for the trial compilation; targets name theirs
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(TERN_CUDA STREQUAL "ON")
    message(FATAL_ERROR "TERN_CUDA is ON and no nvcc was found")
  endif()
  message(STATUS "no nvcc: the CUDA backend is not built")
  return()
endif()
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# A kernel that spills registers does not compile.
function(tern_cuda_kernels target architectures)
  add_library(${target} OBJECT ${ARGN})
  target_include_directories(${target} PRIVATE ${TERN_CUDA_INCLUDES})
  set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES "${architectures}")
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-O3;--threads=2;-Xptxas=--warn-on-spills,--warning-as-error;-Xcompiler=-Wall>")
endfunction()
tern_cuda_kernels(tern_cuda_portable "${TERN_CUDA_ARCHITECTURES}" ${TERN_CUDA_KERNELS})
set(tern_cuda_objects $<TARGET_OBJECTS:tern_cuda_portable>)
if(TERN_CUDA_KERNELS_SM90)
  tern_cuda_kernels(tern_cuda_sm90 "90a-real" ${TERN_CUDA_KERNELS_SM90})
  list(APPEND tern_cuda_objects $<TARGET_OBJECTS:tern_cuda_sm90>)
endif()

add_library(tern_cuda_host OBJECT ${TERN_CUDA_HOST})
target_include_directories(tern_cuda_host PRIVATE ${TERN_CUDA_INCLUDES} ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(tern_cuda_host PRIVATE -Wall -Wextra -ffp-contract=off)
string(REGEX MATCHALL "[0-9]+" tern_built_for "${TERN_CUDA_ARCHITECTURES}")
list(REMOVE_DUPLICATES tern_built_for)
string(REGEX REPLACE "([0-9]+)([0-9])" "\\1.\\2" tern_built_for "${tern_built_for}")
string(REPLACE ";" ", " tern_built_for "${tern_built_for}")
target_compile_definitions(tern_cuda_host PRIVATE TERN_CUDA_BUILT_FOR="${tern_built_for}")

add_library(tern_cuda SHARED ${tern_cuda_objects} $<TARGET_OBJECTS:tern_cuda_host> ${TERN_CUDA_SHARED_HOST})
target_include_directories(tern_cuda PRIVATE ${TERN_CUDA_INCLUDES})
target_compile_options(tern_cuda PRIVATE -Wall -Wextra -ffp-contract=off)
set_target_properties(tern_cuda PROPERTIES LINKER_LANGUAGE CXX)
target_link_libraries(tern_cuda PRIVATE CUDA::cudart_static Threads::Threads ${CMAKE_DL_LIBS} rt)
target_link_options(tern_cuda PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL)
install(TARGETS tern_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
