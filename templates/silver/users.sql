-- Active is a business rule, not a fault: the other users stay in silver.all_users, nothing is quarantined.
SELECT
    u.user_id,
    u.age,
    u.country,
    u.subscription_type,
    u.signup_date,
    u.total_watch_time_hours
FROM silver.all_users AS u
WHERE u.total_watch_time_hours > {{ active_user_hours }}
