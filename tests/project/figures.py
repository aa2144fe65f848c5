"""The figures a correct build of the reference data gives, as data: T-SQL against the warehouse and its rows.

Every query orders its rows and gives fractions the scale they are written with in the functional
specification, so that rows can be compared as they are (decimals as floats, dates as ISO text).
"""

from __future__ import annotations

from typing import NamedTuple

Value = str | int | float | None


class Figure(NamedTuple):
    """One figure: a stable id, the query that asks for it and the rows that must come back."""

    id: str
    query: str
    rows: list[tuple[Value, ...]]


ROW_COUNTS: dict[str, int] = {
    "bronze.users": 5_000,
    "bronze.viewing_sessions": 222_785,
    "bronze.content": 300,
    "silver.all_users": 5_000,
    "silver.users": 4_271,
    "silver.all_viewing_sessions": 222_785,
    "silver.viewing_sessions": 191_807,
    "silver.content": 300,
    "silver.movie_details": 200,
    "silver.series_details": 100,
    "silver.content_genres": 579,
    "silver.series_episodes": 470,
    "gold.user_analytics": 4_271,
    "gold.content_performance": 300,
    "gold.country_insights": 5,
    "gold.genre_analytics": 11,
    "gold.executive_summary": 1,
    "gold.user_segmentation": 4,
    "gold.user_metrics": 5_000,
    "gold.viewing_trends": 8,
    "gold.device_usage": 5,
    "gold.content_summary": 300,
}

COLUMNS: dict[str, str] = {
    "silver.movie_details": "content_id, duration_minutes, release_year, views_count",
    "silver.series_details": "content_id, seasons, avg_episode_duration, total_views, total_episodes",
    "gold.user_analytics": "user_id, age, country, signup_date, total_watch_time_hours, total_sessions,"
    " avg_session_duration, total_minutes_watched, unique_content_watched, user_segment, days_since_signup,"
    " subscription_type, avg_completion_percentage, favorite_device, last_activity",
    "gold.content_performance": "content_id, title, genre, content_type, duration_minutes, release_year, rating,"
    " production_budget, total_views, unique_viewers, avg_watch_time, avg_completion_rate,"
    " views_per_million_budget, rating_category",
    "gold.country_insights": "country, total_users, avg_watch_hours_per_user, avg_user_age, total_sessions,"
    " avg_session_duration, unique_content_consumed",
    "gold.genre_analytics": "genre, total_content_items, total_views, unique_viewers, avg_production_budget,"
    " total_investment, avg_genre_rating, avg_content_duration, avg_watch_time",
    "gold.executive_summary": "metric_category, active_users_100h_plus, total_content_catalog,"
    " total_viewing_sessions, avg_user_engagement_hours, content_with_views",
    "gold.user_segmentation": "user_segment, users_in_segment, avg_watch_hours, avg_sessions_per_user,"
    " avg_unique_content, segment_percentage",
    "gold.user_metrics": "user_id, total_sessions, total_minutes, avg_completion, favorite_device, last_activity",
    "gold.viewing_trends": "month, total_sessions, total_minutes, avg_completion_percentage",
    "gold.device_usage": "device_type, total_sessions, avg_session_duration, avg_completion_percentage",
    "gold.top_content_by_country": "country, content_rank, content_id, title, total_sessions",
    "gold.subscription_retention": "subscription_type, cohort_month, months_since, active_users",
    "gold.content_summary": "content_id, title, type, release_year, duration_minutes, season_count, episode_count,"
    " genres",
}
"""Column names in order: the contract with dashboards already in use. More may follow the listed ones."""

ALIASES: dict[str, str] = {
    "dbo.gold_user_analytics": "gold.user_analytics",
    "dbo.gold_content_performance": "gold.content_performance",
    "dbo.gold_country_insights": "gold.country_insights",
    "dbo.gold_genre_analytics": "gold.genre_analytics",
    "dbo.gold_executive_summary": "gold.executive_summary",
    "dbo.gold_user_segmentation": "gold.user_segmentation",
    "dbo.silver_users": "silver.users",
    "dbo.silver_viewing_sessions": "silver.viewing_sessions",
    "dbo.silver_content": "silver.content",
}

FIGURES: list[Figure] = [
    Figure(
        "users_by_country",
        "SELECT country, COUNT(*) AS users FROM bronze.users GROUP BY country ORDER BY users DESC",
        [("Mexico", 1514), ("Colombia", 1190), ("Argentina", 1063), ("Chile", 755), ("Peru", 478)],
    ),
    Figure(
        "users_by_subscription",
        "SELECT subscription_type, COUNT(*) AS users FROM bronze.users GROUP BY subscription_type ORDER BY users DESC",
        [("Basic", 2003), ("Standard", 1783), ("Premium", 1214)],
    ),
    Figure(
        "sessions_by_quality",
        "SELECT quality_level, COUNT(*) AS sessions FROM silver.all_viewing_sessions"
        " GROUP BY quality_level ORDER BY sessions DESC",
        [("HD", 109286), ("4K", 62342), ("SD", 51157)],
    ),
    Figure(
        "least_active_user",
        "SELECT COUNT(*) AS users FROM silver.users WHERE total_watch_time_hours <= 100",
        [(0,)],
    ),
    Figure(
        "titles_by_type",
        "SELECT content_type, COUNT(*) AS titles FROM silver.content GROUP BY content_type ORDER BY content_type",
        [("movie", 200), ("series", 100)],
    ),
    Figure(
        "series_release_year_stays_null",
        "SELECT COUNT(release_year) AS known, COUNT(*) AS titles FROM silver.content WHERE content_type = 'series'",
        [(0, 100)],
    ),
    Figure(
        "series_S001_episode_and_episodes",
        "SELECT duration_minutes, total_episodes FROM silver.content WHERE content_id = 'S001'",
        [(50, 89)],
    ),
    Figure(
        "series_S001_seasons",
        "SELECT season_number, episode_count FROM silver.series_episodes WHERE content_id = 'S001'"
        " ORDER BY season_number",
        [(1, 8), (2, 14), (3, 7), (4, 17), (5, 12), (6, 13), (7, 18)],
    ),
    Figure(
        "user_analytics_sums",
        "SELECT SUM(CAST(total_sessions AS bigint)) AS sessions, SUM(total_minutes_watched) AS minutes"
        " FROM gold.user_analytics",
        [(191807, 15203100)],
    ),
    Figure(
        "user_analytics_two_users",
        "SELECT user_id, total_sessions, total_minutes_watched, unique_content_watched, user_segment"
        " FROM gold.user_analytics WHERE user_id IN ('U0003', 'U0004') ORDER BY user_id",
        [("U0003", 17, 1233, 16, "Heavy User"), ("U0004", 20, 1916, 19, "Power User")],
    ),
    Figure(
        "rating_categories",
        "SELECT rating_category, COUNT(*) AS titles FROM gold.content_performance"
        " GROUP BY rating_category ORDER BY rating_category",
        [("Average", 34), ("Below Average", 151), ("Excellent", 33), ("Good", 37), ("Very Good", 45)],
    ),
    Figure(
        "top_views",
        "SELECT TOP (3) content_id, total_views FROM gold.content_performance ORDER BY total_views DESC",
        [("M068", 1173), ("S040", 1131), ("S082", 1122)],
    ),
    Figure(
        "views_per_million_budget",
        "SELECT COUNT(*) AS wrong FROM gold.content_performance WHERE ABS(views_per_million_budget"
        " - CAST(total_views AS float) / (CAST(production_budget AS float) / 1e6)) > 0.0051",
        [(0,)],
    ),
    Figure(
        "genres_of_one_title_are_ordered",
        "SELECT genre FROM gold.content_performance WHERE content_id = 'M001'",
        [("Drama, Horror, Sci-Fi",)],
    ),
    Figure(
        "country_insights",
        "SELECT country, total_users, total_sessions, CAST(avg_watch_hours_per_user AS decimal(9,3)) AS hours"
        " FROM gold.country_insights ORDER BY total_users DESC",
        [
            ("Mexico", 1289, 59250, 377.062),
            ("Colombia", 1032, 46538, 383.637),
            ("Argentina", 914, 40131, 385.895),
            ("Chile", 629, 28394, 385.923),
            ("Peru", 407, 17494, 386.282),
        ],
    ),
    Figure(
        "genre_views",
        "SELECT genre, total_views FROM gold.genre_analytics WHERE genre IN ('Action', 'Horror', 'Crime')"
        " ORDER BY total_views DESC",
        [("Action", 52556), ("Horror", 41892), ("Crime", 14633)],
    ),
    Figure(
        "genre_budgets_count_once_a_title",
        "SELECT COUNT(*) AS wrong FROM gold.genre_analytics"
        " WHERE ABS(avg_production_budget * total_content_items - total_investment) > total_content_items",
        [(0,)],
    ),
    Figure(
        "executive_summary",
        "SELECT metric_category, active_users_100h_plus, total_content_catalog, total_viewing_sessions,"
        " CAST(avg_user_engagement_hours AS decimal(9,2)) AS hours, content_with_views FROM gold.executive_summary",
        [("Platform Overview", 4271, 300, 191807, 382.72, 300)],
    ),
    Figure(
        "user_segmentation",
        "SELECT user_segment, users_in_segment, CAST(segment_percentage AS decimal(5,2)) AS share"
        " FROM gold.user_segmentation ORDER BY users_in_segment DESC",
        [
            ("Heavy User", 1662, 38.91),
            ("Regular User", 1272, 29.78),
            ("Power User", 940, 22.01),
            ("Light User", 397, 9.30),
        ],
    ),
    Figure(
        "user_segmentation_keeps_decimals",
        "SELECT COUNT(*) AS whole_numbers FROM gold.user_segmentation"
        " WHERE avg_sessions_per_user = FLOOR(avg_sessions_per_user) AND avg_unique_content = FLOOR(avg_unique_content)",
        [(0,)],
    ),
    Figure(
        "user_metrics_U0001",
        "SELECT total_sessions, total_minutes, CAST(avg_completion AS decimal(5,2)) AS completion, favorite_device,"
        " last_activity FROM gold.user_metrics WHERE user_id = 'U0001'",
        [(29, 2105, 62.38, "Mobile", "2024-08-25")],
    ),
    Figure(
        "user_metrics_cover_all_valid_sessions",
        "SELECT SUM(CAST(total_sessions AS bigint)) AS sessions FROM gold.user_metrics",
        [(222785,)],
    ),
    Figure(
        "viewing_trends_months",
        "SELECT MIN(month) AS first_month, MAX(month) AS last_month, SUM(CAST(total_sessions AS bigint)) AS sessions"
        " FROM gold.viewing_trends",
        [("2024-01-01", "2024-08-01", 222785)],
    ),
    Figure(
        "device_usage",
        "SELECT device_type, total_sessions FROM gold.device_usage ORDER BY total_sessions DESC",
        [("Smart TV", 79803), ("Mobile", 69847), ("Desktop", 31329), ("Tablet", 31287), ("Gaming Console", 10519)],
    ),
    Figure(
        "top_content_ranks",
        "SELECT COUNT(DISTINCT country) AS countries, MIN(content_rank) AS first_rank, MAX(content_rank) AS last_rank"
        " FROM gold.top_content_by_country",
        [(5, 1, 5)],
    ),
    Figure(
        "retention_counts_every_user_once_at_the_start",
        "SELECT SUM(CAST(active_users AS bigint)) AS users, MIN(months_since) AS first_month"
        " FROM gold.subscription_retention WHERE months_since = 0",
        [(5000, 0)],
    ),
    Figure(
        "content_summary_by_type",
        "SELECT type, COUNT(*) AS titles, SUM(season_count) AS seasons FROM gold.content_summary"
        " GROUP BY type ORDER BY type",
        [("movie", 200, None), ("series", 100, 470)],
    ),
]
