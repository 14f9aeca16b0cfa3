package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A GGUF model split over files named NAME-00001-of-0000N.gguf: metadata from the first, tensors from all. */
final class SplitGguf implements ModelFile {
  private static final Pattern NAME = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
  private static final int MAX_FILES = 4096; // all are open at once

  private final List<GgufFile> files;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, GgufFile> fileOf = new LinkedHashMap<>();

  private SplitGguf(List<GgufFile> files) {
    this.files = files;
    for (GgufFile file : files) {
      file.tensors().forEach((name, tensor) -> {
        if (tensors.put(name, tensor) != null) {
          throw new ModelFormatException("tensor '" + name + "' is in " + fileOf.get(name).name() + " and in " + file.name(), -1);
        }
        fileOf.put(name, file);
      });
    }
    long declared = files.get(0).metadata().longValue("split.tensors.count", tensors.size());
    if (declared != tensors.size()) {
      throw new ModelFormatException(
          "'split.tensors.count' is " + declared + ", and the files have " + tensors.size() + " tensors",
          files.get(0).metadata().offset("split.tensors.count"));
    }
  }

  /** Whether a model's reading starts with this file: it is not split, or the first of its files. */
  static boolean isFirst(Path path) {
    Matcher name = NAME.matcher(path.getFileName().toString());
    return !name.matches() || Integer.parseInt(name.group(2)) == 1;
  }

  /** Opens a GGUF file, with all others that it says belong to it. */
  static ModelFile open(Path path) {
    GgufFile one = GgufFile.open(path);
    List<GgufFile> files = new ArrayList<>();
    files.add(one);
    try {
      int count = count(one);
      if (count <= 1) {
        return one;
      }
      files.clear();
      files.addAll(all(path, one, count));
      return new SplitGguf(files);
    } catch (RuntimeException | Error e) {
      files.forEach(GgufFile::close);
      one.close();
      throw e;
    }
  }

  private static int count(GgufFile file) {
    int count = file.metadata().intValue("split.count", 0);
    if (count < 0 || count > MAX_FILES) {
      throw new ModelFormatException("'split.count' is " + count + ", expected at most " + MAX_FILES, file.metadata().offset("split.count"));
    }
    return count;
  }

  private static List<GgufFile> all(Path path, GgufFile one, int count) {
    Matcher name = NAME.matcher(path.getFileName().toString());
    if (!name.matches() || Integer.parseInt(name.group(3)) != count) {
      throw new ModelIoException(path + " is one of " + count + " files; its name should be NAME-00001-of-" + String.format("%05d", count) + ".gguf");
    }
    int given = Integer.parseInt(name.group(2));
    List<GgufFile> files = new ArrayList<>();
    try {
      for (int i = 1; i <= count; i++) {
        GgufFile file = i == given ? one : GgufFile.open(sibling(path, String.format("%s-%05d-of-%05d.gguf", name.group(1), i, count)));
        files.add(file);
        if (count(file) != count || file.metadata().intValue("split.no", -1) != i - 1) {
          throw new ModelFormatException(file.name() + " does not say that it is file " + i + " of " + count + " ('split.no', 'split.count')", -1);
        }
      }
      if (given > count || given < 1) {
        throw new ModelFormatException(path + " is called file " + given + " of " + count, -1);
      }
      return files;
    } catch (RuntimeException | Error e) {
      files.forEach(GgufFile::close);
      throw e;
    }
  }

  private static Path sibling(Path path, String name) {
    return path.getParent() == null ? HfFiles.contained(Path.of(""), name) : HfFiles.contained(path.getParent(), name);
  }

  @Override
  public String name() {
    return files.get(0).name();
  }

  @Override
  public GgufMetadata metadata() {
    return files.get(0).metadata();
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  @Override
  public void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
    GgufFile file = fileOf.get(tensor.name());
    if (file == null) {
      throw new IllegalArgumentException("tensor '" + tensor.name() + "' is not of " + name());
    }
    file.readTensor(tensor, from, dst);
  }

  @Override
  public long size() {
    return files.stream().mapToLong(GgufFile::size).sum();
  }

  @Override
  public void close() {
    files.forEach(GgufFile::close);
  }
}
