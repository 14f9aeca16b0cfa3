package dev.tern.vendor;

import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.util.List;
import java.util.Set;

/** A GPU of which nothing can be read, each item for the same reason. */
record UnreadableHealth(String reason) implements Health {
  private <T> Reading<T> no() {
    return Reading.unreadable(reason);
  }

  @Override
  public Reading<String> name() {
    return no();
  }

  @Override
  public Reading<String> id() {
    return no();
  }

  @Override
  public Reading<String> driver() {
    return no();
  }

  @Override
  public Reading<String> runtime() {
    return no();
  }

  @Override
  public Reading<String> computeCapability() {
    return no();
  }

  @Override
  public Reading<Integer> cores() {
    return no();
  }

  @Override
  public Reading<Long> memoryBytes() {
    return no();
  }

  @Override
  public Reading<Long> memoryFreeBytes() {
    return no();
  }

  @Override
  public Reading<Boolean> eccEnabled() {
    return no();
  }

  @Override
  public Reading<EccErrors> eccErrors() {
    return no();
  }

  @Override
  public Reading<EccErrors> eccErrorsEver() {
    return no();
  }

  @Override
  public Reading<RowRemap> rowRemap() {
    return no();
  }

  @Override
  public Reading<PcieLink> pcie() {
    return no();
  }

  @Override
  public Reading<PcieLink> pcieMax() {
    return no();
  }

  @Override
  public Reading<List<NvLink>> nvLinks() {
    return no();
  }

  @Override
  public Reading<Integer> nvLinkMegabytes() {
    return no();
  }

  @Override
  public Reading<Integer> coreClockMhz() {
    return no();
  }

  @Override
  public Reading<Integer> coreClockMaxMhz() {
    return no();
  }

  @Override
  public Reading<Integer> memoryClockMhz() {
    return no();
  }

  @Override
  public Reading<Integer> memoryClockMaxMhz() {
    return no();
  }

  @Override
  public Reading<Integer> temperatureCelsius() {
    return no();
  }

  @Override
  public Reading<Integer> memoryTemperatureCelsius() {
    return no();
  }

  @Override
  public Reading<Integer> slowdownCelsius() {
    return no();
  }

  @Override
  public Reading<Double> powerWatts() {
    return no();
  }

  @Override
  public Reading<Double> powerLimitWatts() {
    return no();
  }

  @Override
  public Reading<Double> powerLimitDefaultWatts() {
    return no();
  }

  @Override
  public Reading<Double> energyJoules() {
    return no();
  }

  @Override
  public Reading<Set<Throttle>> throttle() {
    return no();
  }

  @Override
  public Reading<List<Integer>> xids() {
    return no();
  }

  @Override
  public Reading<List<DeviceProcess>> otherProcesses() {
    return no();
  }
}
