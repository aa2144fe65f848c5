-- A cohort is the month of a user's first session, over all valid sessions: people who left must stay in
-- it, else nothing would ever be lost. Users are counted once a month.
WITH months AS (
    SELECT s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1) AS month
    FROM silver.all_viewing_sessions AS s
    GROUP BY s.user_id, DATEFROMPARTS(YEAR(s.watch_date), MONTH(s.watch_date), 1)
),
watched AS (
    SELECT m.user_id, m.month, MIN(m.month) OVER (PARTITION BY m.user_id) AS cohort_month
    FROM months AS m
)
SELECT
    u.subscription_type                                 AS subscription_type,
    w.cohort_month                                      AS cohort_month,
    DATEDIFF(MONTH, w.cohort_month, w.month)            AS months_since,
    CAST(COUNT(*) AS int)                               AS active_users
FROM watched AS w
INNER JOIN silver.all_users AS u ON u.user_id = w.user_id
GROUP BY u.subscription_type, w.cohort_month, DATEDIFF(MONTH, w.cohort_month, w.month)
