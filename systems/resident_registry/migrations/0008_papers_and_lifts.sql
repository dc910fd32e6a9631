-- The lift (一時解除) under which a paper about a protected resident was issued: it may be made again for that one issue.
ALTER TABLE resident_registry.certificate ADD COLUMN lift_id uuid REFERENCES resident_registry.measure_lift;
