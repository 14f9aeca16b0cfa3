package dev.tern.vendor;

/** Versions that libraries tell as one number. */
final class GpuVersions {
  private GpuVersions() {}

  /** "13.0" of the number 13000, as CUDA counts. */
  static String cuda(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  /** "13.1.0" of the number 130100, as cuBLAS counts; cuDNN too: 91400 is 9.14.0. */
  static String library(long version) {
    return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
  }
}
