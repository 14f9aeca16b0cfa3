package dev.tern.format;

import dev.tern.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The typed key-value pairs of a GGUF file, in the file's order. Immutable. A getter whose key is absent, or holds another type,
 * throws {@link ModelFormatException} naming the key, what was expected and what is there; the forms with a fallback return it when
 * the key is absent, and throw just the same when its type is wrong.
 */
public final class GgufMetadata {
  /** One value. Scalars are Long (bits, for UINT64), Double, Boolean or String. */
  record Entry(GgufType type, long offset, Object value) {}

  /** An array: strings, or the raw little-endian bytes of its elements. */
  record Array(GgufType element, int length, GgufStrings strings, byte[] raw) {}

  private final Map<String, Entry> entries;

  GgufMetadata(LinkedHashMap<String, Entry> entries) {
    this.entries = Collections.unmodifiableMap(entries);
  }

  /** All keys, in order. */
  public Set<String> keys() {
    return entries.keySet();
  }

  public boolean has(String key) {
    return entries.containsKey(key);
  }

  /** The type of a value, or null if the key is absent. */
  public GgufType type(String key) {
    Entry entry = entries.get(key);
    return entry == null ? null : entry.type;
  }

  /** Byte offset of a value in the file, or -1 if the key is absent. */
  public long offset(String key) {
    Entry entry = entries.get(key);
    return entry == null ? -1 : entry.offset;
  }

  public String string(String key) {
    return (String) scalar(key, GgufType.STRING);
  }

  public String string(String key, String fallback) {
    return has(key) ? string(key) : fallback;
  }

  public boolean boolValue(String key) {
    return (Boolean) scalar(key, GgufType.BOOL);
  }

  public boolean boolValue(String key, boolean fallback) {
    return has(key) ? boolValue(key) : fallback;
  }

  /** A value of any integer type that fits an int. */
  public int intValue(String key) {
    long value = longValue(key);
    if (value != (int) value) {
      throw new ModelFormatException("'" + key + "' is " + value + ", out of range", offset(key));
    }
    return (int) value;
  }

  public int intValue(String key, int fallback) {
    return has(key) ? intValue(key) : fallback;
  }

  /** A value of any integer type that fits a signed long. */
  public long longValue(String key) {
    Entry entry = entry(key);
    if (!entry.type.integer()) {
      throw wrongType(key, entry, "an integer");
    }
    long value = (Long) entry.value;
    if (entry.type == GgufType.UINT64 && value < 0) {
      throw new ModelFormatException("'" + key + "' is " + Long.toUnsignedString(value) + ", out of range", entry.offset);
    }
    return value;
  }

  public long longValue(String key, long fallback) {
    return has(key) ? longValue(key) : fallback;
  }

  /** A FLOAT32 or FLOAT64 value; it may be NaN or infinite. */
  public double doubleValue(String key) {
    Entry entry = entry(key);
    if (!entry.type.floating()) {
      throw wrongType(key, entry, "a floating-point number");
    }
    return (Double) entry.value;
  }

  public double doubleValue(String key, double fallback) {
    return has(key) ? doubleValue(key) : fallback;
  }

  public float floatValue(String key) {
    return (float) doubleValue(key);
  }

  public float floatValue(String key, float fallback) {
    return has(key) ? floatValue(key) : fallback;
  }

  /** An array of strings. */
  public GgufStrings strings(String key) {
    Array array = array(key);
    if (array.element != GgufType.STRING) {
      throw wrongElement(key, array, "strings");
    }
    return array.strings;
  }

  /** An array of any integer type whose elements all fit an int; a copy. */
  public int[] ints(String key) {
    Array array = array(key);
    if (!array.element.integer()) {
      throw wrongElement(key, array, "integers");
    }
    ByteBuffer raw = ByteBuffer.wrap(array.raw).order(ByteOrder.LITTLE_ENDIAN);
    int[] out = new int[array.length];
    for (int i = 0; i < out.length; i++) {
      long value = GgufReader.integer(raw, array.element);
      if (value != (int) value) {
        throw new ModelFormatException("element " + i + " of '" + key + "' is " + value + ", out of range", offset(key));
      }
      out[i] = (int) value;
    }
    return out;
  }

  /** An array of FLOAT32 or FLOAT64, a copy; elements may be NaN or infinite. */
  public float[] floats(String key) {
    Array array = array(key);
    if (!array.element.floating()) {
      throw wrongElement(key, array, "floating-point numbers");
    }
    ByteBuffer raw = ByteBuffer.wrap(array.raw).order(ByteOrder.LITTLE_ENDIAN);
    float[] out = new float[array.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = array.element == GgufType.FLOAT32 ? raw.getFloat() : (float) raw.getDouble();
    }
    return out;
  }

  /** The value in a few words, for people; arrays by type and length. */
  public String describe(String key) {
    Entry entry = entry(key);
    if (entry.value instanceof Array array) {
      return array.element + "[" + array.length + "]";
    }
    return entry.type == GgufType.UINT64 ? Long.toUnsignedString((Long) entry.value) : String.valueOf(entry.value);
  }

  private Object scalar(String key, GgufType type) {
    Entry entry = entry(key);
    if (entry.type != type) {
      throw wrongType(key, entry, type.toString());
    }
    return entry.value;
  }

  private Array array(String key) {
    Entry entry = entry(key);
    if (!(entry.value instanceof Array array)) {
      throw wrongType(key, entry, "an array");
    }
    return array;
  }

  Entry entry(String key) {
    Entry entry = entries.get(key);
    if (entry == null) {
      throw new ModelFormatException("no value for '" + key + "'", -1);
    }
    return entry;
  }

  private static ModelFormatException wrongType(String key, Entry entry, String expected) {
    return new ModelFormatException("'" + key + "' is of type " + entry.type + ", expected " + expected, entry.offset);
  }

  private ModelFormatException wrongElement(String key, Array array, String expected) {
    return new ModelFormatException("'" + key + "' is an array of " + array.element + ", expected " + expected, offset(key));
  }
}
