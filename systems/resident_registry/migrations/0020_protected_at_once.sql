-- Whether a resident is protected now, by a plan that the connection keeps: to plan the view anew takes longer than to ask it.
CREATE FUNCTION resident_registry.is_protected(given uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN EXISTS (SELECT FROM resident_registry.protected d WHERE d.resident_id = given);
END $$;
GRANT EXECUTE ON FUNCTION resident_registry.is_protected(uuid) TO PUBLIC;
