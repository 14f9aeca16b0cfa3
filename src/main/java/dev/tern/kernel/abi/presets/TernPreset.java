package dev.tern.kernel.abi.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * How JavaCPP reads tern.h, tern_bench.h and tern_check.h, at build time only: the functions become static methods of {@code TernAbi}, structs and
 * handles become {@code Pointer} classes of the same name.
 *
 * <p>To call without allocating:
 *
 * <ul>
 *   <li>Make one {@code tern_batch} and one {@code IntPointer}, {@code LongPointer} or {@code FloatPointer} per array of it, as long as the
 *       engine's limits allow, and set the batch's pointers once: {@code batch.token(tokens)} stores the address. Each step then only
 *       writes values ({@code tokens.put(i, id)}) and counts ({@code batch.n_rows(n)}), and reads results with {@code outToken.get(i)}.
 *       Keep the pointers referenced: the batch does not. The getters ({@code batch.token()}) make a new object each.
 *   <li>A pointer passed as {@code const void*} counts its {@code position()} in bytes, not elements: leave it 0.
 *   <li>{@code float[]} overloads copy in and out, which is fine for {@code tern_op_*} in tests and wrong for a step. Within one call
 *       all arrays are of one kind.
 *   <li>Handles: {@code var device = new tern_device(); tern_device_open("cpu", 0, device);} fills in the address. No deallocator is
 *       attached to it; destroying it is the caller's.
 *   <li>{@code const char**}: {@code var json = new BytePointer((Pointer) null); tern_device_describe(device, json); json.getString(UTF_8)}.
 * </ul>
 */
@Properties(
    value = @Platform(value = "linux-x86_64", include = {"tern.h", "tern_bench.h", "tern_check.h"}, link = "tern", library = "jnitern"),
    target = "dev.tern.kernel.abi",
    global = "dev.tern.kernel.abi.global.TernAbi")
public class TernPreset implements InfoMapper {
  @Override
  public void map(InfoMap map) {
    // Without this there are overloads for ByteBuffer and byte[] too, which a char** out-parameter cannot fill.
    map.put(new Info("tern_device_describe")
        .javaText("public static native int tern_device_describe(tern_device device,"
            + " @Cast(\"const char**\") @ByPtrPtr BytePointer json);"));
  }
}
