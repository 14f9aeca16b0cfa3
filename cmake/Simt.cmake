# The CUDA backend on the CPU, for tests: its sources, unchanged, compiled as C++ against the emulator in tests/simt.
#   tests/simt/<name>_test.cpp: the emulator itself;
#   tests/cuda/<name>_test.cpp: the kernels, emulated; where nvcc is, also kernels_test_gpu, all of them on a GPU (tests/gpu/run.sh);
#   tests/device/<name>_test.cpp: the whole backend behind the ABI, in libtern_cuda_simt.so: with TERN_CUDA_LIBRARY=<it> any program of
#   Tern takes it for the device cuda.
if(TERN_SANITIZE MATCHES "thread")
  return()  # fibers: ThreadSanitizer would take one OS thread's stacks for a race with itself
endif()

# A file has one language in a build, and .cu may be CUDA's: each is included by a .cpp of its own.
set(simt_sources ${TERN_CUDA_HOST})
foreach(kernel ${TERN_CUDA_KERNELS} ${TERN_CUDA_KERNELS_SM90})
  get_filename_component(name ${kernel} NAME_WE)
  set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/simt/${name}.cpp)
  file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${kernel}\"\n")
  list(APPEND simt_sources ${wrapper})
endforeach()
file(GLOB simt_emulator CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/*.cpp)
list(FILTER simt_emulator EXCLUDE REGEX "_test.cpp$")

add_library(tern_cuda_simt_objects OBJECT EXCLUDE_FROM_ALL ${simt_sources} ${simt_emulator})
target_compile_definitions(tern_cuda_simt_objects PUBLIC TERN_SIMT PRIVATE TERN_CUDA_BUILT_FOR="the emulator")
target_include_directories(tern_cuda_simt_objects BEFORE PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/include)
target_include_directories(tern_cuda_simt_objects PUBLIC ${TERN_CUDA_INCLUDES})
target_compile_options(tern_cuda_simt_objects PRIVATE -Wall -Wextra -Wno-unknown-pragmas -Wno-maybe-uninitialized -fno-strict-aliasing -ffp-contract=off)
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/products.cpp PROPERTIES COMPILE_OPTIONS "-O3;-fno-sanitize=all")
target_link_libraries(tern_cuda_simt_objects PUBLIC Threads::Threads ${CMAKE_DL_LIBS})

add_library(tern_cuda_simt SHARED EXCLUDE_FROM_ALL ${TERN_CUDA_SHARED_HOST})
target_link_libraries(tern_cuda_simt PRIVATE tern_cuda_simt_objects)
add_dependencies(native_tests tern_cuda_simt)

# Kernels beside the CPU's code: these hold libtern's objects too.
file(GLOB TERN_TESTS_CUDA CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/cuda/*_test.cpp)
file(GLOB TERN_TESTS_SIMT CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/*_test.cpp)
foreach(source ${TERN_TESTS_CUDA} ${TERN_TESTS_SIMT})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name}_simt EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${name}_simt PRIVATE tern_cuda_simt_objects tern_objects GTest::gtest GTest::gtest_main)
  target_include_directories(${name}_simt PRIVATE tests tests/oracle)
  target_compile_options(${name}_simt PRIVATE -Wall -Wextra -Wno-unknown-pragmas -ffp-contract=off)
  add_test(NAME emulated.${name} COMMAND ${name}_simt)  # one for all its cases: there are thousands
  add_dependencies(native_tests ${name}_simt)
endforeach()

# Kernels with a mistake planted in them must fail these tests.
if(NOT TERN_SANITIZE)
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/simt/objects.txt
    CONTENT "$<JOIN:$<TARGET_OBJECTS:tern_cuda_simt_objects>;$<TARGET_OBJECTS:tern_objects>;$<TARGET_OBJECTS:ternary_test_simt>;$<TARGET_OBJECTS:attention_test_simt>;$<TARGET_OBJECTS:dense_test_simt>,\n>\n")
  add_test(NAME emulated.mutants COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/mutants.sh ${CMAKE_CURRENT_SOURCE_DIR}
    ${CMAKE_CURRENT_BINARY_DIR}/mutants ${CMAKE_CURRENT_BINARY_DIR}/simt/objects.txt ${CMAKE_CXX_COMPILER} -std=c++17 -O2 -DTERN_SIMT
    -Wno-unknown-pragmas -fno-strict-aliasing -ffp-contract=off -I${CMAKE_CURRENT_SOURCE_DIR}/tests/simt/include
    -I${CMAKE_CURRENT_SOURCE_DIR}/src/main/cuda -I${CMAKE_CURRENT_SOURCE_DIR}/src/main/cuda/sm90 -I${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp
    -I${CMAKE_CURRENT_SOURCE_DIR}/src/main/cpp/include)
  set_tests_properties(emulated.mutants PROPERTIES TIMEOUT 3600)
endif()

# The same on a GPU, in one program, as each would carry all kernels of all families.
if(TARGET tern_cuda)
  add_executable(kernels_test_gpu EXCLUDE_FROM_ALL ${TERN_TESTS_CUDA} ${tern_cuda_objects} $<TARGET_OBJECTS:tern_cuda_host>)
  set_target_properties(kernels_test_gpu PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(kernels_test_gpu PRIVATE tern_objects CUDA::cudart_static GTest::gtest GTest::gtest_main rt)
  target_include_directories(kernels_test_gpu PRIVATE tests tests/oracle ${TERN_CUDA_INCLUDES} ${CUDAToolkit_INCLUDE_DIRS})
  target_compile_options(kernels_test_gpu PRIVATE -Wall -Wextra -ffp-contract=off)
  add_test(NAME gpu.kernels_test COMMAND kernels_test_gpu)
  set_tests_properties(gpu.kernels_test PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED . all tests")
  add_dependencies(native_tests kernels_test_gpu)
endif()

# The whole backend behind the ABI: the program of the tests holds libtern's code and loads the backend as any program does.
file(GLOB TERN_TESTS_DEVICE CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/device/*_test.cpp)
foreach(source ${TERN_TESTS_DEVICE})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${name} PRIVATE tern_objects GTest::gtest GTest::gtest_main)
  target_include_directories(${name} PRIVATE tests tests/oracle)
  target_compile_options(${name} PRIVATE -Wall -Wextra -ffp-contract=off)
  foreach(shard 0 1 2)  # the longest of all: in parts, and first, so that no core waits for another at the end
    add_test(NAME emulated.${name}.${shard} COMMAND ${name})
    set_tests_properties(emulated.${name}.${shard} PROPERTIES COST 1000
      ENVIRONMENT "TERN_CUDA_LIBRARY=$<TARGET_FILE:tern_cuda_simt>;GTEST_TOTAL_SHARDS=3;GTEST_SHARD_INDEX=${shard}")
  endforeach()
  # Compute capability 9.0 has kernels of its own: part of it once more with the portable ones.
  add_test(NAME emulated.${name}_sm86 COMMAND ${name} --gtest_filter=*Chunks*:*Ops*:*Graphs)
  set_tests_properties(emulated.${name}_sm86 PROPERTIES ENVIRONMENT "TERN_CUDA_LIBRARY=$<TARGET_FILE:tern_cuda_simt>;SIMT_SM=86")
  add_dependencies(native_tests ${name} tern_cuda_simt)
endforeach()
target_link_libraries(check_device_test PRIVATE tern_check_objects)
