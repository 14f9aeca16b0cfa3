package dev.tern.validate;

import java.util.List;
import java.util.Set;

/** A GPU in order, whose readings a test changes. Null: absent. */
final class FakeHealth implements Health {
  Reading<String> name = Reading.of("NVIDIA H100 80GB HBM3");
  Reading<Boolean> ecc = Reading.of(true);
  Reading<EccErrors> eccErrors = Reading.of(new EccErrors(3, 0));
  Reading<RowRemap> rowRemap = Reading.of(new RowRemap(0, 0, false, false));
  Reading<PcieLink> pcie = Reading.of(new PcieLink(5, 16));
  Reading<PcieLink> pcieMax = Reading.of(new PcieLink(5, 16));
  Reading<List<NvLink>> nvLinks = Reading.of(List.of(new NvLink(0, true, 0), new NvLink(1, true, 0)));
  Reading<Integer> coreClock = Reading.of(1755);
  Reading<Integer> memoryClock = Reading.of(2619);
  Reading<Integer> temperature = Reading.of(61);
  Reading<Integer> slowdown = Reading.of(87);
  Reading<Double> powerLimit = Reading.of(700.0);
  Reading<Set<Throttle>> throttle = Reading.of(Set.of(Throttle.POWER_CAP));
  Reading<Long> throttles = Reading.of(0L);
  Reading<List<Integer>> xids = Reading.of(List.of());
  Reading<List<DeviceProcess>> others = Reading.of(List.of());

  @Override
  public Reading<String> name() {
    return name;
  }

  @Override
  public Reading<Boolean> eccEnabled() {
    return ecc;
  }

  @Override
  public Reading<EccErrors> eccErrors() {
    return eccErrors;
  }

  @Override
  public Reading<RowRemap> rowRemap() {
    return rowRemap;
  }

  @Override
  public Reading<PcieLink> pcie() {
    return pcie;
  }

  @Override
  public Reading<PcieLink> pcieMax() {
    return pcieMax;
  }

  @Override
  public Reading<List<NvLink>> nvLinks() {
    return nvLinks;
  }

  @Override
  public Reading<Integer> nvLinkMegabytes() {
    return Reading.of(26562);
  }

  @Override
  public Reading<Integer> coreClockMhz() {
    return coreClock;
  }

  @Override
  public Reading<Integer> coreClockMaxMhz() {
    return Reading.of(1980);
  }

  @Override
  public Reading<Integer> memoryClockMhz() {
    return memoryClock;
  }

  @Override
  public Reading<Integer> memoryClockMaxMhz() {
    return Reading.of(2619);
  }

  @Override
  public Reading<Integer> temperatureCelsius() {
    return temperature;
  }

  @Override
  public Reading<Integer> slowdownCelsius() {
    return slowdown;
  }

  @Override
  public Reading<Double> powerLimitWatts() {
    return powerLimit;
  }

  @Override
  public Reading<Double> powerLimitDefaultWatts() {
    return Reading.of(700.0);
  }

  @Override
  public Reading<Set<Throttle>> throttle() {
    return throttle;
  }

  @Override
  public Reading<Long> thermalThrottles() {
    return throttles;
  }

  @Override
  public Reading<List<Integer>> xids() {
    return xids;
  }

  @Override
  public Reading<List<DeviceProcess>> otherProcesses() {
    return others;
  }
}
