-- Bronze holds one row a key already. Blanks are trimmed here, once, so that nothing further up has to
-- wonder whether a key or a name ends in one.
SELECT
    CAST(TRIM(u.user_id) AS nvarchar(20))             AS user_id,
    u.age                                             AS age,
    CAST(TRIM(u.country) AS nvarchar(60))             AS country,
    CAST(TRIM(u.subscription_type) AS nvarchar(30))   AS subscription_type,
    u.registration_date                               AS signup_date,
    u.total_watch_time_hours                          AS total_watch_time_hours
FROM bronze.users AS u
