-- 通知送信済: the notices of a decided movement have left, and who got them has not acknowledged each.
ALTER TABLE resident_registry.movement DROP CONSTRAINT movement_state_check,
    ADD CONSTRAINT movement_state_check
        CHECK (state IN ('draft', 'review', 'returned', 'decided', 'notified', 'completed', 'cancelled'));
