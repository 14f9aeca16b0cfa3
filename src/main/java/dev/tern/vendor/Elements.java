package dev.tern.vendor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/** Types of a matrix' elements on a device. */
enum Elements {
  F32(4),
  F16(2),
  BF16(2),
  I8(1),
  I32(4);

  private final int bytes;

  Elements(int bytes) {
    this.bytes = bytes;
  }

  int bytes() {
    return bytes;
  }

  /** Its 16-bit type. */
  Reduced reduced() {
    return Reduced.valueOf(name());
  }

  /** So many bytes of values that are evenly spread from -1 to 1; I8: from -127 to 127. */
  byte[] random(int length, SplittableRandom random) {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.remaining() >= bytes) {
      switch (this) {
        case I8 -> buffer.put((byte) random.nextInt(-127, 128));
        case F16, BF16 -> buffer.putShort(reduced().bits((float) (2 * random.nextDouble() - 1)));
        case F32 -> buffer.putFloat((float) (2 * random.nextDouble() - 1));
        case I32 -> buffer.putInt(random.nextInt());
      }
    }
    return buffer.array();
  }

  /** The element of an index as a number. */
  double at(ByteBuffer data, int index) {
    return switch (this) {
      case I8 -> data.get(index);
      case F16, BF16 -> reduced().value(data.getShort(2 * index));
      case F32 -> data.getFloat(4 * index);
      case I32 -> data.getInt(4 * index);
    };
  }
}
